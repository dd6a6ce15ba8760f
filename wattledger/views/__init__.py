"""What people see: tables, progress, logs and errors; one module a subject. Programs get `projections.documents`."""
