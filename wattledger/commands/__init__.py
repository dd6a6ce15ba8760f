"""What each command does, with what it prints; a module is loaded only when one of its commands runs."""
