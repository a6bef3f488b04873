-- A public key with the size of the first checkpoint that it signs; nothing where it is known.
INSERT INTO signing.keys (vkey, origin, since_size) VALUES (:vkey, :origin, :size)
ON CONFLICT (vkey) DO NOTHING
