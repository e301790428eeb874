FROM python:3.11-slim AS build
RUN pip install --no-cache-dir 'uv>=0.9'
WORKDIR /app
COPY pyproject.toml uv.lock ./
RUN uv sync --frozen --no-default-groups --no-cache

FROM python:3.11-slim
RUN useradd --create-home --uid 10001 brokerpro
WORKDIR /app
COPY --from=build /app/.venv .venv
COPY --chown=brokerpro . .
ENV PATH=/app/.venv/bin:$PATH PYTHONUNBUFFERED=1 VAR_DIR=/data
RUN mkdir /data && chown brokerpro /data
# Production rules apply from here on; .env.example says which settings are required.
ENV DEBUG=false
USER brokerpro
VOLUME /data
EXPOSE 8000
CMD ["python", "manage.py", "run_broker", "--host", "0.0.0.0", "--port", "8000"]
