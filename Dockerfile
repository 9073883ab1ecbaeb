# Two stages: the first builds a virtual environment from the hashed lock file, the second carries only that.
FROM python:3.11-slim-bookworm AS build
WORKDIR /src
COPY requirements.lock pyproject.toml README.md LICENSE ./
COPY gateway ./gateway
COPY partners ./partners
COPY maps ./maps
COPY sample_docs ./sample_docs
RUN python -m venv /opt/gateway
RUN /opt/gateway/bin/python -m pip install --no-cache-dir --require-hashes -r requirements.lock
RUN /opt/gateway/bin/python -m pip install --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.11-slim-bookworm
RUN useradd --system --uid 10001 --home-dir /var/lib/gateway --create-home gateway
COPY --from=build /opt/gateway /opt/gateway
ENV PATH=/opt/gateway/bin:$PATH GATEWAY_HOME=/var/lib/gateway GATEWAY_HTTP_BIND=0.0.0.0:8080 GATEWAY_SFTP_BIND=0.0.0.0:2222
USER gateway
VOLUME /var/lib/gateway
EXPOSE 8080 2222
HEALTHCHECK --interval=15s --timeout=3s --start-period=20s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/readyz', timeout=2)"]
ENTRYPOINT ["gateway"]
CMD ["run"]
