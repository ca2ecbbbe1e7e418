"""What modules of all languages have in common: their values, instances, runs and worlds."""
