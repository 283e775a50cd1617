# syntax=docker/dockerfile:1
# The program `backup` and the commands that verify and restore: our code beside PostgreSQL's own programs and
# extensions, in the version of the server, because no other version can read its data. As user 70, the owner of the
# server's data. Keep the tag equal to that of `postgres` in docker-compose.yml; tests compare them.
FROM timescale/timescaledb:2.29.2-pg16

USER root
RUN apk add --no-cache python3 \
    && python3 -m venv /opt/venv \
    && install -d -o 70 -g 70 -m 0700 /repository /spool /scratch
COPY requirements/backup.txt /tmp/backup.txt
RUN /opt/venv/bin/pip install --no-cache-dir --disable-pip-version-check \
    --require-hashes --no-deps --only-binary :all: -r /tmp/backup.txt

WORKDIR /opt/dinsight
COPY shared ./shared
COPY services ./services
COPY dinsight ./dinsight
COPY deploy/healthcheck.py ./healthcheck.py

ENV PATH=/opt/venv/bin:$PATH \
    PYTHONPATH=/opt/dinsight \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    TMPDIR=/scratch \
    DINSIGHT_HOST=0.0.0.0

USER 70:70
EXPOSE 8005
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=6 \
    CMD ["python", "-I", "-S", "/opt/dinsight/healthcheck.py", "8005"]
STOPSIGNAL SIGTERM
# The base image's entrypoint would start a server.
ENTRYPOINT []
CMD ["python", "-m", "dinsight.backup.main"]
