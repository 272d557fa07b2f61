"""Rules about infrastructure as code, clusters, clouds and containers."""

from __future__ import annotations

from flyball_sdk.guard.rule import Rule, is_, isnt, over
from flyball_sdk.guard.rules.write import beside, shell

_PLAN = "show the plan, and let a person apply it"

RULES = (
    Rule(
        id="iac.apply-production",
        title="changes infrastructure in production, or where it is not known to be elsewhere",
        acts=("iac.apply",),
        where=(is_("target", "production"),),
        action="block",
        severity="critical",
        safer=_PLAN,
        hits=(
            *shell(
                "terraform apply",
                "TF_WORKSPACE=prod terraform apply -auto-approve",
                "terraform -chdir=envs/prod apply",
                "pulumi up --stack prod",
                "terraform apply -var-file=$FILE",
            ),
            beside("terraform apply", {".terraform/environment": "production"}),
        ),
        passes=(
            *shell(
                "terraform plan",
                "TF_WORKSPACE=staging terraform apply",
                "terraform -chdir=envs/staging apply",
                "pulumi up --stack dev",
            ),
            beside("terraform apply", {".terraform/environment": "staging"}),
        ),
    ),
    Rule(
        id="iac.destroy",
        title="destroys infrastructure in production, or where it is not known to be elsewhere",
        acts=("iac.destroy",),
        where=(is_("target", "production"),),
        action="block",
        severity="critical",
        safer="`terraform plan -destroy`, and let a person apply it",
        hits=shell(
            "terraform -chdir=live destroy -auto-approve",
            "tofu apply -destroy",
            "pulumi destroy -s prod",
            "cdk destroy ShopStack",
        ),
        passes=shell(
            "terraform destroy --help", "TF_WORKSPACE=dev terraform destroy", "terraform plan -destroy"
        ),
    ),
    Rule(
        id="iac.destroy-elsewhere",
        title="destroys infrastructure",
        acts=("iac.destroy",),
        where=(isnt("target", "production"),),
        action="ask",
        severity="high",
        safer="`terraform plan -destroy` first",
        hits=shell("TF_WORKSPACE=staging terraform destroy"),
        passes=shell("TF_WORKSPACE=staging terraform apply", "terraform destroy"),
    ),
    Rule(
        id="iac.plan-deletes",
        title="applies a saved plan that deletes resources",
        acts=("iac.destroy",),
        where=(over("delete", 0),),
        action="ask",
        severity="high",
        safer="read what the plan deletes, and let a person apply it",
        hits=(
            beside(
                "TF_WORKSPACE=staging terraform apply plan.out",
                {"plan.out.json": '{"resource_changes":[{"change":{"actions":["delete"]}}]}'},
            ),
        ),
        passes=(
            beside(
                "TF_WORKSPACE=staging terraform apply plan.out",
                {"plan.out.json": '{"resource_changes":[{"change":{"actions":["create"]}}]}'},
            ),
        ),
    ),
    Rule(
        id="iac.state",
        title="edits the recorded state of infrastructure",
        acts=("iac.state",),
        action="ask",
        severity="high",
        safer="copy the state away first (`terraform state pull > backup.tfstate`)",
        hits=shell(
            "terraform state rm aws_db_instance.main",
            "terraform force-unlock 12",
            "terraform workspace delete prod",
        ),
        passes=shell("terraform state list", "terraform workspace list"),
    ),
    Rule(
        id="kubernetes.delete-production",
        title="deletes objects in a production cluster, or one not known to be another",
        acts=("kubernetes.delete",),
        where=(is_("target", "production"),),
        action="block",
        severity="critical",
        safer="`kubectl delete --dry-run=server` first; scale down before you delete",
        hits=(
            *shell(
                "kubectl delete namespace shop",
                "kubectl --context prod delete deploy web",
                "kubectl drain node-1",
                "helm uninstall shop",
                "kubectl scale deploy web --replicas=0",
            ),
            beside("kubectl delete pod x", {"~/.kube/config": "current-context: prod-eu\n"}),
        ),
        passes=(
            *shell(
                "kubectl get pods",
                "kubectl delete pod x --dry-run=client",
                "kubectl --context staging delete pod x",
            ),
            beside("kubectl delete pod x", {"~/.kube/config": "current-context: kind-dev\n"}),
        ),
    ),
    Rule(
        id="kubernetes.delete-wide",
        title="deletes a namespace, volumes, nodes or everything of a kind",
        acts=("kubernetes.delete",),
        where=(is_("wide", True), isnt("target", "production")),
        action="ask",
        severity="high",
        safer="name the objects",
        hits=shell("kubectl --context staging delete ns shop", "kubectl --context dev delete pods --all"),
        passes=shell("kubectl --context dev delete pod web-1"),
    ),
    Rule(
        id="kubernetes.apply-production",
        title="changes objects in a production cluster",
        acts=("kubernetes.apply",),
        where=(is_("target", "production"), isnt("target.name", "")),
        action="ask",
        severity="high",
        safer="`kubectl diff` first, and let a person apply it",
        hits=shell(
            "kubectl --context prod apply -f web.yaml", "helm upgrade shop ./chart --kube-context prod"
        ),
        passes=shell(
            "kubectl --context staging apply -f web.yaml",
            "kubectl diff -f web.yaml",
            "kubectl apply -f web.yaml",
        ),
    ),
    Rule(
        id="kubernetes.exec-production",
        title="runs something inside a production cluster",
        acts=("kubernetes.exec",),
        where=(is_("target", "production"), isnt("target.name", "")),
        action="ask",
        severity="high",
        safer="read logs and events instead (`kubectl logs`)",
        hits=shell("kubectl --context prod exec -it web-1 -- sh"),
        passes=shell("kubectl --context dev exec web-1 -- ls", "kubectl --context prod logs web-1"),
    ),
    Rule(
        id="cloud.delete",
        title="deletes or disables resources at a cloud provider",
        acts=("cloud.delete",),
        where=(is_("target", "production"),),
        action="block",
        severity="critical",
        safer="list what it concerns, take a snapshot, and let a person delete it",
        hits=shell(
            "aws s3 rb s3://orders --force",
            "aws rds delete-db-instance --db-instance-identifier main",
            "gcloud projects delete shop",
            "az group delete -n rg-shop",
            "doctl compute droplet delete 12",
            "gsutil rm -r gs://orders",
        ),
        passes=shell(
            "aws s3 ls",
            "aws ec2 describe-instances",
            "gcloud projects list",
            "aws --profile dev s3 rm s3://x/y",
        ),
    ),
    Rule(
        id="cloud.delete-elsewhere",
        title="deletes resources at a cloud provider, outside of production",
        acts=("cloud.delete",),
        where=(isnt("target", "production"),),
        action="ask",
        severity="medium",
        safer="list what it concerns first",
        hits=shell("aws --profile dev s3 rb s3://x --force"),
        passes=shell("aws --profile dev s3 ls"),
    ),
    Rule(
        id="cloud.change-production",
        title="changes resources of a production account",
        acts=("cloud.change", "cloud.create"),
        where=(is_("target", "production"), isnt("target.name", "")),
        action="ask",
        severity="medium",
        safer="let the infrastructure's code do it",
        mode="audit",
        hits=shell(
            "aws --profile prod ec2 run-instances --image-id ami-1",
            "gcloud --project prod compute instances create a",
        ),
        passes=shell("aws --profile dev ec2 run-instances --image-id ami-1"),
    ),
    Rule(
        id="containers.delete-data",
        title="deletes volumes, or everything that does not run",
        acts=("container.delete",),
        where=(is_("broad", True),),
        action="ask",
        severity="high",
        safer="name the containers and volumes",
        hits=shell("docker system prune -af --volumes", "docker volume prune", "docker compose down -v"),
        passes=shell("docker rm web", "docker compose down", "docker ps"),
    ),
    Rule(
        id="containers.escape",
        title="starts or reaches a container that can take over the host",
        acts=("container.escape",),
        action="ask",
        severity="critical",
        safer="mount the one directory that is needed, without --privileged",
        hits=shell(
            "docker run --privileged -it alpine sh",
            "docker run -v /:/host alpine",
            "docker run -v /var/run/docker.sock:/s alpine",
        ),
        passes=shell("docker run -v ./data:/data alpine", "docker ps"),
    ),
)
