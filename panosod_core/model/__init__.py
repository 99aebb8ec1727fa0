"""The network of the paper, one file a block: pictures and ambisonic sound in, saliency out. Needs torch."""
