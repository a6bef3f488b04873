-- The login user of onrecord, and its database. The postgres image runs this with psql when its
-- volume is empty. For other servers see ops/runbooks/moving-to-your-own-postgresql.md.
\getenv password DATABASE_PASSWORD
CREATE ROLE onrecord LOGIN CREATEROLE PASSWORD :'password';
-- Since version 16 a user who creates a role may grant it but not SET ROLE to it without this.
ALTER ROLE onrecord SET createrole_self_grant = 'set, inherit';
CREATE DATABASE onrecord OWNER onrecord;
