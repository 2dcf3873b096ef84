"""What a run of `mull eval` is shown as beside its table: a page, a plot, a card, and a comparison with a base."""
