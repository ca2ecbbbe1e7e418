"""Why a moment is not known that is reckoned from the present one. Nobody else gives these reasons."""

BY_RUN = "the moment of the run is not known"
BY_DEPLOYMENT = "utcNow() differs with every deployment"
