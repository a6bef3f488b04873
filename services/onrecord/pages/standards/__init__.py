"""Standards that others read the record by: oEmbed, and cards to embed."""
