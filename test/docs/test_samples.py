"""Every line of code that the user's document prints is in the guide.

What the document lost (a call's opening line, a URL, braces) is restored there; where it has a
placeholder for a container, an address or a date, the guide has one that works.
"""

import pytest

from scripts.stack import ROOT
from test.docs.blocks import blocks

CONTAINER = "tgi_client_inference_service"
CONFIGURATION = """
"log_path": "infernet_node.log",
//...... contents abbreviated
"containers": [
"id": "tgi_client_inference_service",
"image": "your_org/tgi_client_inference_service:latest",
"external": true,
"port": "3000",
"allowed_delegate_addresses": [],
"allowed_addresses": [],
"allowed_ips": [],
"env": {
"TGI_INF_WORKFLOW_POSITIONAL_ARGS": "[\\"http://FILL_HOSTNAME_HERE\\", 30]",
"TGI_INF_WORKFLOW_KW_ARGS": "{}",
"TGI_REQUEST_TRIES": "3",
"TGI_REQUEST_DELAY": "3",
"TGI_REQUEST_MAX_DELAY": "10",
"TGI_REQUEST_BACKOFF": "2",
"TGI_REQUEST_JITTER": "[0.5, 1.5]"
"""
OFF_CHAIN = """
class JobRequest(TypedDict):
containers: list[str]
data: dict[str, Any]
requires_proof: NotRequired[bool]
class JobResult(TypedDict):
id: str
status: JobStatus
result: Optional[ContainerOutput]
intermediate: NotRequired[list[ContainerOutput]]
class ContainerOutput(TypedDict):
container: str
output: Any
from infernet_client.node import NodeClient
job_id = await client.request_job(
"text": "Can shrimp actually fry rice fr?",
result:str = (await client.get_job_result_sync(job_id))["result"]["output"]
# Note that the sync flag is optional and will wait for the job to complete.
infernet-client job -c SERVICE_NAME -i input.json --sync
"text": "Can shrimp actually fry rice fr?"
-H "Content-Type: application/json" \\
-d '{"containers": ["SERVICE_NAME"], "data": {"text": "Can shrimp actually fry rice fr?"}}'
"""
ON_CHAIN = """
from eth_abi.abi import encode
input_bytes = encode(
"Can shrimp actually fry rice fr?"
pragma solidity ^0.8.0;
import {CallbackConsumer} from "infernet-sdk/consumer/Callback.sol";
contract MyOnchainSubscription is CallbackConsumer {
constructor(address registry) CallbackConsumer(registry) {}
// Function to chat with LLM
function chatWithLLM(bytes memory inputs) public {
string memory containerId = "my-container";
uint16 redundancy = 1;
address paymentToken = address(0);
uint256 paymentAmount = 0;
address wallet = address(0);
address verifier = address(0);
console.log("Requested compute");
// Function to receive the compute result
function receiveCompute(
bytes32 taskId,
bytes memory output,
bytes memory proof
) public {
console.log("Received output!");
// Handle the received output and proof
from web3 import Web3
# Assuming you have a contract instance
contract = w3.eth.contract(address=contract_address, abi=contract_abi)
# Call the function, `input_bytes` here is the same as the one generated above
tx_hash = contract.functions.chatWithLLM(input_bytes).transact()
"""
DELEGATED = """
from infernet_client.node import NodeClient
from infernet_client.chain_utils import Subscription, RPC
sub = Subscription(
nonce = random.randint(0, 2**32 - 1)
await client.request_delegated_subscription(
expiry=int(time() + 10),
"text": "Can shrimp actually fry rice fr?"
infernet-client sub --rpc_url
--params params.json --input input.json
# Success: Subscription created.
, // Subscription Owner
"active_at": 0, // Instantly active
"period": 3, // 3 seconds between intervals
"frequency": 2, // Process 2 times
"redundancy": 2, // 2 nodes respond each time
"containers": ["SERVICE_NAME"], // comma-separated list of containers
"lazy": false,
"verifier": "0x0000000000000000000000000000000000000000",
"payment_amount": 0,
"payment_token": "0x0000000000000000000000000000000000000000",
"wallet": "0x0000000000000000000000000000000000000000",
"""


@pytest.mark.parametrize(
    ("page", "sample"),
    [
        ("service.md", CONFIGURATION),
        ("off-chain.md", OFF_CHAIN),
        ("on-chain.md", ON_CHAIN),
        ("delegated.md", DELEGATED),
    ],
)
def test_every_line_of_the_document_is_in_the_guide(page: str, sample: str) -> None:
    code = "\n".join(block.text for block in blocks(ROOT / "docs" / "guide" / page))
    named = sample.replace("SERVICE_NAME", CONTAINER).replace("my-container", CONTAINER)

    for line in named.strip().splitlines():
        assert line in code, line
