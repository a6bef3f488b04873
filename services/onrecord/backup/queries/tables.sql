-- All tables of onrecord with the columns that hold data, and the tables that they refer to.
--
-- Schemas are those of `onrecord_migrator`, which owns all that processes use; the revision of the
-- schema is recorded elsewhere. A partitioned table is copied as one.
SELECT
    namespace.nspname AS schema_name,
    class.relname AS name,
    ARRAY(
        SELECT attname::text FROM pg_attribute
        WHERE attrelid = class.oid AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
        ORDER BY attnum
    ) AS columns,
    ARRAY(
        SELECT referred_namespace.nspname || '.' || referred.relname
        FROM pg_constraint
        JOIN pg_class referred ON referred.oid = confrelid
        JOIN pg_namespace referred_namespace ON referred_namespace.oid = referred.relnamespace
        WHERE contype = 'f' AND conrelid = class.oid AND confrelid <> class.oid
    ) AS refers_to
FROM pg_class class
JOIN pg_namespace namespace ON namespace.oid = class.relnamespace
WHERE class.relkind IN ('r', 'p') AND NOT class.relispartition
    AND namespace.nspowner = to_regrole('onrecord_migrator') AND namespace.nspname <> 'onrecord'
ORDER BY 1, 2
