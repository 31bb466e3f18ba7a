#!/bin/sh
# Install what is missing of the tools that are not Python packages.
#   install-tools.sh           what the workflow needs
#   install-tools.sh --tests   what only the tests compare with; absent ones are skipped by name
# By apt as root or through sudo; else by mamba or conda into .conda/ beside the checkout;
# else one message that lists what to install.
set -eu
cd "$(dirname "$0")/.."
PATH="$PWD/.conda/bin:$PATH"

missing=""
need() { # command, Debian package
    command -v "$1" >/dev/null 2>&1 || missing="$missing $2"
}

supported_java() {
    for java in "${JAVA_HOME:-/nowhere}/bin/java" "$(command -v java || true)" \
        /usr/lib/jvm/*/bin/java .conda/bin/java .conda/lib/jvm/bin/java; do
        [ -x "$java" ] || continue
        case "$("$java" -version 2>&1 | sed -n 's/.*version "\([0-9.]*\).*/\1/p')" in
        11.* | 11 | 17.* | 17) return 0 ;;
        esac
    done
    return 1
}

# GATK is not in the distribution; where conda has not put it, Maven fetches it (424 MB) into
# .gatk/. Without it the tests that run it are skipped by name.
have_gatk() {
    command -v gatk >/dev/null 2>&1 || ls .gatk/gatk-[0-9]*.jar >/dev/null 2>&1
}

finish() { # what was asked for: --tests, or nothing
    if [ "$1" = "--tests" ] && ! have_gatk; then
        echo "Fetching GATK for the tests into .gatk"
        rm -rf .gatk.part
        if command -v mvn >/dev/null 2>&1 && mvn --quiet --batch-mode --file envs/gatk/pom.xml \
            dependency:copy-dependencies -DoutputDirectory="$PWD/.gatk.part"; then
            mv .gatk.part .gatk
        else
            rm -rf .gatk.part
            echo "GATK could not be had, the tests that run it are skipped" >&2
        fi
    fi
    exit 0
}

if [ "${1:-}" = "--tests" ]; then
    need plink2 plink2
    need plink1.9 plink1.9
    need snpEff snpeff
    have_gatk || need mvn maven
else
    need bwa bwa
    need minimap2 minimap2
    need snap-aligner snap-aligner
    need samtools samtools
    need bcftools bcftools
    need freebayes freebayes
    need fastp fastp
    need mosdepth mosdepth
    need tabix tabix
    supported_java || missing="$missing openjdk-17-jre-headless"
    "${PYTHON:-python3}" -c "import venv, ensurepip" 2>/dev/null || missing="$missing python3-venv"
fi
[ -n "$missing" ] || finish "${1:-}"

as_root=""
if [ "$(id -u)" -ne 0 ]; then
    as_root="sudo"
    sudo -n true 2>/dev/null || [ -t 0 ] || as_root="none"
    command -v sudo >/dev/null 2>&1 || as_root="none"
fi

if command -v apt-get >/dev/null 2>&1 && [ "$as_root" != "none" ]; then
    echo "Installing with apt:$missing"
    $as_root apt-get update -qq
    # shellcheck disable=SC2086
    if $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
        --no-install-recommends $missing >/dev/null; then
        finish "${1:-}"
    fi
    [ "${1:-}" = "--tests" ] && finish "${1:-}"
fi

if [ "${1:-}" = "--tests" ]; then
    echo "Not installed, the tests that compare with them are skipped:$missing" >&2
    finish "${1:-}"
fi

for conda in mamba micromamba conda; do
    if command -v "$conda" >/dev/null 2>&1; then
        echo "Installing with $conda into .conda:$missing"
        "$conda" create --yes --quiet --prefix "$PWD/.conda" --file envs/tools.yaml 2>/dev/null ||
            "$conda" env create --yes --quiet --prefix "$PWD/.conda" --file envs/tools.yaml
        exit 0
    fi
done

cat >&2 <<MESSAGE
These are missing and could not be installed here (no root, no sudo, no conda):
   $missing
Ask your administrator for them by these Debian package names, or install mamba and run
make again; envs/tools.yaml lists the same tools with versions for conda.
MESSAGE
exit 1
