# An image that trains: docker run --rm -v "$PWD/outputs:/app/outputs" rnnlab model=gru data=imdb
#   CPU:  docker build -t rnnlab .
#   GPU:  docker build -t rnnlab --build-arg TORCH_INDEX=https://download.pytorch.org/whl/cu130 .
#         docker run --rm --gpus all rnnlab model=gru data=imdb trainer=gpu
#   A search: docker run --rm --entrypoint python rnnlab sweep.py sweep=sine_gru
# An image that serves a run on http://127.0.0.1:8000:
#   docker build -t rnnlab-serve --target serve .
#   docker run --rm -p 127.0.0.1:8000:8000 -v "$PWD/outputs/imdb-gru/<run>:/model:ro" rnnlab-serve
FROM python:3.11-slim AS base

ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ENV PIP_NO_CACHE_DIR=1 PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1

RUN useradd --create-home --uid 1000 rnnlab
WORKDIR /app

# Dependencies first: they change less often than the code.
COPY constraints.txt pyproject.toml README.md LICENSE ./
RUN grep '^torch==' constraints.txt > torch.txt \
    && pip install -r torch.txt --index-url "$TORCH_INDEX" --extra-index-url https://pypi.org/simple \
    && rm torch.txt
COPY src src
COPY conf conf
COPY sweeps sweeps
COPY train.py sweep.py ./
RUN pip install -c constraints.txt -e ".[data,linear,postgresql]" \
    && mkdir outputs \
    && chown -R rnnlab:rnnlab /app


FROM base AS serve
RUN pip install -c constraints.txt -e ".[serve]"
USER rnnlab
EXPOSE 8000
ENTRYPOINT ["rnnlab", "serve", "/model", "--host", "0.0.0.0"]

FROM base AS train
USER rnnlab
ENTRYPOINT ["python", "train.py"]
