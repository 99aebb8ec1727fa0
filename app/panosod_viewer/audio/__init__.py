"""The audio process: engine, shared memory, devices, and the client the viewer talks to."""
