"""bcftools csq as pysam brings it, run like a program: ``python bcftools_csq.py OPTIONS``.

pysam carries bcftools 1.24, distributions have older ones: Debian's 1.16 gives another
answer in 6 of 59 published tricky cases. What bcftools says goes to standard error.
"""

import sys

import pysam
import pysam.bcftools

if __name__ == "__main__":
    code = 0
    try:
        pysam.bcftools.csq(*sys.argv[1:], catch_stdout=False)
    except pysam.SamtoolsError as error:
        print(error, file=sys.stderr)
        code = 1
    sys.stderr.write(pysam.bcftools.csq.get_messages() or "")
    sys.exit(code)
