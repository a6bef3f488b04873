"""Steps of positions in their timelines, and the queries over them."""
