-- A witness's cosignature of a checkpoint; the first of each key stays.
INSERT INTO signing.cosignatures (size, key, line) VALUES (:size, :key, :line)
ON CONFLICT (size, key) DO NOTHING
