"""Who is related to whom, and the principal components of the people who are not."""
