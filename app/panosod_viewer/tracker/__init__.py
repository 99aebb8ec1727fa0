"""Head trackers over OSC: receiving, what the numbers mean, tare, learning. Free of Qt."""
