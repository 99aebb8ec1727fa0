"""What is free on the GPUs that a finetuning job would learn on."""

import torch


def free_of_gpus(device: torch.device, *, processes: int = 1) -> dict[int, int] | None:
    """Bytes that are free on each GPU, by its number; None where the job learns on the processor.

    Args:
        device: the one process's; of several each takes the next GPU.
        processes: of the job.
    """
    if device.type != "cuda":
        return None
    numbers = range(torch.cuda.device_count()) if processes > 1 else [device.index or 0]
    return {number: int(torch.cuda.mem_get_info(number)[0]) for number in numbers}
