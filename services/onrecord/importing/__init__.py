"""Files into the write API: `onrecord import`."""
