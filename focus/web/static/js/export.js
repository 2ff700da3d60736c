// Shows how far an export has come, and loads the page again when it is done.

const PAUSE_MS = 1000;

for (const part of document.querySelectorAll("[data-export]")) {
  if (part.dataset.state === "waiting" || part.dataset.state === "running") follow(part);
}

async function follow(part) {
  const answer = await fetch(part.dataset.export).catch(() => null);
  if (answer?.ok) {
    const job = await answer.json();
    if (job.state !== "waiting" && job.state !== "running") {
      location.reload();
      return;
    }
    part.querySelector("[data-words]").textContent = job.state;
    part.querySelector("[data-message]").textContent = job.message;
    part.querySelector("progress").value = job.progress_ratio;
  }
  setTimeout(() => follow(part), PAUSE_MS);
}
