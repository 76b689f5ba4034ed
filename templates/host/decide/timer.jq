def timer: error("not yet");
