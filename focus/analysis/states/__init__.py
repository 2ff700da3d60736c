"""From class probabilities to eye states: smoothing with a bounded look-ahead, and the rule for what is lost."""
