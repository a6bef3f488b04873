"""The deliverer: claims due deliveries, sends them, records the results."""
