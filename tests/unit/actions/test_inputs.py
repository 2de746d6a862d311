"""What the inputs of a workflow say of trust, and what they leave to a policy."""

from pathlib import Path

from ghcr_signer.actions.inputs import Inputs
from ghcr_signer.commands.arguments import TrustOptions
from ghcr_signer.core.policy import Requirement


def test_only_what_was_given_stands_in_place_of_a_policy() -> None:
    environment = {"GITHUB_REPOSITORY_OWNER": "Acme"}
    assert Inputs(environment).trust == TrustOptions(otherwise=("ghcr.io/acme/**",))
    environment |= {
        "INPUT_TRUSTED_KEY": "a.pub",
        "INPUT_REPOSITORIES": "ghcr.io/acme/x",
        "INPUT_TRANSPARENCY_LOG": "required",
    }
    assert Inputs(environment).trust == TrustOptions(
        keys=(Path("a.pub"),),
        repositories=("ghcr.io/acme/x",),
        transparency_log=Requirement.REQUIRED,
        otherwise=("ghcr.io/acme/**",),
    )
