-- A witness's cosignature of a checkpoint; the first of each key stays.
INSERT INTO signing.cosignatures (size, vkey, line) VALUES (:size, :vkey, :line)
ON CONFLICT (size, vkey) DO NOTHING
