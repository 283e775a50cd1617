"""HTTP of configurations."""

from typing import Annotated

from fastapi import APIRouter, Depends

from services.analysis.configs.schemas import ConfigChange, ConfigOut
from services.analysis.configs.service import ConfigService
from services.analysis.database.unit import Units
from shared.access import Caller, Permission
from shared.http.caller import Guard
from shared.http.pages import Page, PageParameters
from shared.http.problems import problem_responses


def build_config_router(configs: ConfigService, units: Units, guard: Guard) -> APIRouter:
    router = APIRouter(prefix="/api/v1", tags=["configs"], responses=problem_responses(400, 401, 403, 422))
    reader = Annotated[Caller, Depends(guard.may(Permission.CONFIGS_READ))]
    writer = Annotated[Caller, Depends(guard.may(Permission.CONFIGS_WRITE))]

    @router.get("/configs/current", summary="Get the current configuration")
    async def get_current_config(caller: reader) -> ConfigOut:
        """What an analysis runs with unless it names another version."""
        async with units(caller.scope) as unit:
            return ConfigOut.of(await configs.current(unit, caller))

    @router.get("/configs", summary="List all versions of the configuration")
    async def list_configs(caller: reader, page: PageParameters) -> Page[ConfigOut]:
        """Newest first. A version never changes."""
        async with units(caller.scope) as unit:
            return Page[ConfigOut].of(await configs.list(unit, caller, page), ConfigOut.of)

    @router.post("/configs", status_code=201, summary="Change parameters in a new version")
    async def create_config(caller: writer, body: ConfigChange) -> ConfigOut:
        """Fields that are left out keep their values. Analyses name the version that they ran with."""
        async with units(caller.scope) as unit:
            return ConfigOut.of(await configs.change(unit, caller, body.changes()))

    return router
