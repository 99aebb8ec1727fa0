"""Learning: losses and the loops of the three stages. Needs torch."""
