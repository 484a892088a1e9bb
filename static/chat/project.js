// The project page: only its times need a script.

import { localiseAll, renewAtMidnight } from "./support/local_times.js";

localiseAll(document);
renewAtMidnight();
