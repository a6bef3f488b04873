"""The write door: what a writer says is checked, recorded and answered."""
