"""The application: command line, settings, embedded services, composition root."""
