"""What pieces say of themselves over HTTP."""
