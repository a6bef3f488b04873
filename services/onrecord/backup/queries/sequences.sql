-- All sequences of onrecord.
SELECT namespace.nspname AS schema_name, class.relname AS name
FROM pg_class class
JOIN pg_namespace namespace ON namespace.oid = class.relnamespace
WHERE class.relkind = 'S'
    AND namespace.nspowner = to_regrole('onrecord_migrator') AND namespace.nspname <> 'onrecord'
ORDER BY 1, 2
