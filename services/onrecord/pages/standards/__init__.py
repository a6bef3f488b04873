"""Standards that others read the record by: JSON-LD, oEmbed, and cards to embed."""
