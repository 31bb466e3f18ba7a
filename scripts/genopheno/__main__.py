from genopheno.cli import main

main()
