"""Names of OpenTelemetry's semantic conventions that the app and the server both use.

Source: https://opentelemetry.io/docs/specs/semconv/ (1.3x). Names of our own start with `flyball.`.
"""

from __future__ import annotations

SERVICE_NAME = "service.name"
SERVICE_VERSION = "service.version"
SERVICE_INSTANCE_ID = "service.instance.id"
UNKNOWN_SERVICE = "unknown_service"
DEPLOYMENT_ENVIRONMENT_NAME = "deployment.environment.name"
DEPLOYMENT_ENVIRONMENT = "deployment.environment"  # its name before semconv 1.27; still what most apps send
CONTAINER_IMAGE_TAGS = "container.image.tags"
CONTAINER_IMAGE_TAG = "container.image.tag"  # its name before semconv 1.22
K8S_POD_TEMPLATE_HASH = "k8s.pod.label.pod-template-hash"
K8S_REPLICASET_NAME = "k8s.replicaset.name"
K8S_DEPLOYMENT_NAME = "k8s.deployment.name"
EXCEPTION_TYPE = "exception.type"
EXCEPTION_MESSAGE = "exception.message"
EXCEPTION_STACKTRACE = "exception.stacktrace"
LOG_FILE_PATH = "log.file.path"
LOG_IOSTREAM = "log.iostream"
CODE_FUNCTION_NAME = "code.function.name"
CODE_FILE_PATH = "code.file.path"
CODE_LINE_NUMBER = "code.line.number"
