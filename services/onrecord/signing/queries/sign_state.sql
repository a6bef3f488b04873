-- What the signer must know. Result: one row; size and root of the ledger's head, null where it is
-- empty, and the size of the newest checkpoint, null before the first.
SELECT head.size, head.root,
    (SELECT size FROM signing.checkpoints ORDER BY size DESC LIMIT 1) AS signed_size
FROM (SELECT) always
LEFT JOIN (SELECT size, root FROM ledger.commits ORDER BY size DESC LIMIT 1) head ON true
