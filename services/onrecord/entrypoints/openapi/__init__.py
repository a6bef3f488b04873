"""The OpenAPI document of an API process: FastAPI's, made fit for code generators."""
