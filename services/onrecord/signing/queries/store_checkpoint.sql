-- A signed checkpoint.
INSERT INTO signing.checkpoints (size, root, note) VALUES (:size, :root, :note)
