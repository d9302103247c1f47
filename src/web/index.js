// The address in the example is the one that this page came from.
document.querySelector("#origin").textContent = location.origin
