-- The public keys that signed checkpoints in this database, with the origin of the log.
SELECT vkey, origin FROM signing.keys
