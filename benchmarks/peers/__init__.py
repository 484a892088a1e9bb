"""Small applications that the product is compared with, each under the same uvicorn."""
