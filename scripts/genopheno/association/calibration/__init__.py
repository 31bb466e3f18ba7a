"""Do the tests keep their word? Null traits are made on the cohort's own genotypes (`nulls`),
planned (`plan`), tested with the models of the scan (`run`), and counted (`tally`). `ldscore`
tells confounding from polygenicity in the results of the real traits."""
