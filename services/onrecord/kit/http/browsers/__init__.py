"""Protection of the APIs from pages of other sites in a user's browser, and of our own pages."""
