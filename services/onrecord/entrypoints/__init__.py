"""The processes, one small file each. Here settings are read and parts are put together."""
