"""Give rows their labels: what to label, by whom, how far they agree, and what follows from it."""
