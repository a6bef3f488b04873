-- The login user of onrecord, and its database. The postgres image runs this once, with psql, when
-- its volume is empty; elsewhere see ops/runbooks/moving-to-your-own-postgresql.md.
\getenv password DATABASE_PASSWORD
CREATE ROLE onrecord LOGIN CREATEROLE PASSWORD :'password';
-- From 16 on, whoever makes a role may hand it out but not take it, unless told so here.
ALTER ROLE onrecord SET createrole_self_grant = 'set, inherit';
CREATE DATABASE onrecord OWNER onrecord;
