"""The read API: positions now and at any date, as known at any size, and the record behind them."""
