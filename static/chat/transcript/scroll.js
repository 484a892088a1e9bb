// The view follows the transcript's end while it is at the end, and stays where it is otherwise.

const log = document.getElementById("log");
const button = document.getElementById("latest");
const NEAR = 48; // pixels from the end that still count as the end
let following = true;
let last = { top: 0, height: 0 };

const isAtEnd = () => log.scrollHeight - log.scrollTop - log.clientHeight <= NEAR;

function follows(whether) {
  following = whether;
  // What one looks at stays where it is when things above it turn out to be of another size.
  log.toggleAttribute("data-away", !whether);
}

// The view is led elsewhere.
export const stay = () => follows(false);

export function toEnd() {
  follows(true);
  log.scrollTop = log.scrollHeight;
}

// Only a person scrolls up in a transcript that has not become shorter. That the end is further down
// than it was says nothing: more may have come since the scrolling that this event tells of.
function scrolled() {
  const { scrollTop: top, scrollHeight: height } = log;
  const left = top < last.top && height >= last.height;
  follows(isAtEnd() || (following && !left));
  last = { top, height };
  button.hidden = following;
}

export function setUp() {
  toEnd();
  log.addEventListener("scroll", scrolled, { passive: true });
  button.addEventListener("click", toEnd);
  const follow = () => {
    if (following) log.scrollTop = log.scrollHeight;
    else button.hidden = isAtEnd();
  };
  const sizes = new ResizeObserver(follow);
  for (const child of log.children) sizes.observe(child);
  sizes.observe(log);
}
