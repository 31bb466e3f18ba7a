"""Clinical records: the participant table and the declared traits, checked and made numbers."""
