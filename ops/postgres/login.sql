-- The user that migrates, the one that processes log in as, and their database. The postgres image runs this with psql when its
-- volume is empty. For other servers see ops/runbooks/moving-to-your-own-postgresql.md.
\getenv password DATABASE_PASSWORD
\getenv login_password LOGIN_PASSWORD
CREATE ROLE onrecord LOGIN CREATEROLE PASSWORD :'password';
-- Since version 16 a user who creates a role may grant it but not SET ROLE to it without this.
ALTER ROLE onrecord SET createrole_self_grant = 'set, inherit';
CREATE DATABASE onrecord OWNER onrecord;
-- `onrecord migrate` lets it take the roles of packages; it may do nothing else.
CREATE ROLE onrecord_login LOGIN NOINHERIT PASSWORD :'login_password';
